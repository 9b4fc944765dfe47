/*
 * Express 4 beside Express 5: for these programs their types are the same.
 */
declare module 'express4' {
  import express from 'express'
  export default express
}
